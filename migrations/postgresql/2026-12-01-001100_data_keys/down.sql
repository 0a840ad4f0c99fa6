DROP TABLE key_work;
DROP TABLE user_keys;
DROP TABLE data_keys;
