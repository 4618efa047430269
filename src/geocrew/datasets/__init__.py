"""Datasets: the catalog, what a row of it points to, and the ways in and out."""
