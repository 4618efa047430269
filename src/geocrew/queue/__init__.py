"""The queue: rows of `background_jobs` and the statements that move them; no analysis in sight."""
