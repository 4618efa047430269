"""The worker: claims jobs, runs each in a child process, settles what becomes of it."""
