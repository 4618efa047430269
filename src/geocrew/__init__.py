"""geocrew: durable background workers for spatial analysis on PostGIS."""

__version__ = "0.1.0"
