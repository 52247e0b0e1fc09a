-- Without it the hashes of API keys are made from the master key, as before: what was rotated since opens no API key.
DROP TABLE secrets;
DROP TABLE access_log;
DROP FUNCTION access_log_only_grows();
