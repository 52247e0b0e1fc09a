DROP TABLE code_misses, listed_codes;
