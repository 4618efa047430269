"""The database's own structure: numbered SQL files, applied once each, in order."""
