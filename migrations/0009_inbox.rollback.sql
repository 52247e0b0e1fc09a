-- What waits in it is lost.
DROP TABLE inbox;
