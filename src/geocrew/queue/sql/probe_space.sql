-- Fails where the disk has no room for 8 MB; the caller rolls back.
CREATE TEMPORARY TABLE probe ON COMMIT DROP AS SELECT md5(i::text) FROM generate_series(1, 130000) AS i
