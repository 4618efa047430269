"""Compile or load every kernel before the first job needs it."""

import numpy as np
import shapely

from geocrew.kernels.addresses import write_addresses
from geocrew.kernels.band import band_lag
from geocrew.kernels.boundary import sum_boundary
from geocrew.kernels.box_pairs import pair_boxes
from geocrew.kernels.box_places import place_boxes
from geocrew.kernels.contiguity import Outlines, contiguity_lag, share_corners
from geocrew.kernels.edges import outline
from geocrew.kernels.ewkb import (
    Polygons,
    bound_polygons,
    find_values,
    measure_ewkb,
    read_polygons,
    write_polygons,
)
from geocrew.kernels.geodesic import geodesic_band_lag, geodesic_knn_lag
from geocrew.kernels.join import along_curve, find_nearest, plant_orchard
from geocrew.kernels.join_edges import find_nearest_shapes, plant_edges
from geocrew.kernels.knn import knn_lag
from geocrew.kernels.mann_kendall import level_out, mann_kendall
from geocrew.kernels.neighbour_list import neighbour_list_lag
from geocrew.kernels.permutation import Sums, permutation_p
from geocrew.kernels.ring_crossings import Rings, orient
from geocrew.kernels.ring_overlay import overlay_rings
from geocrew.kernels.space_time import find_patterns
from geocrew.kernels.valid_polygons import find_valid
from geocrew.kernels.validity import is_valid


def warm() -> None:
    """Call each kernel once on a few points, of which some are coincident."""
    x = np.repeat(np.arange(10.0), 2)
    values, rank = np.arange(20.0), np.arange(20)
    band_lag(x, x, values, 1.0)
    knn_lag(x, x, rank, values, 1)
    geodesic_band_lag(x, x, values, 0.0)
    geodesic_knn_lag(x, np.zeros(20), rank, values, 2)  # of points as far east as west one is doubtful
    neighbour_list_lag(np.arange(21), rank[::-1].copy(), values)
    outlines = Outlines(x[:8], x[4:12], np.array([0, 4, 8]), np.arange(2))
    contiguity_lag(share_corners(outlines, 2), values[:2])
    permutation_p(Sums(values, values, np.ones(20, np.int32)), rank, 9, 0)
    find_nearest(plant_orchard(x, x), x, x[along_curve(x, x)], 2, 1.0)
    edges = plant_edges(np.stack((x, x), axis=1), np.arange(0, 21, 2), np.arange(10))
    find_nearest_shapes(edges, x, x, 2, 1.0, 1e-9)
    find_patterns(values, np.ones(20, np.int16), np.arange(0, 21, 5), np.zeros(4, np.int16))
    mann_kendall(level_out(values, np.arange(0, 21, 5), 0.0), np.arange(0, 21, 5))
    squares = shapely.box(x[::2], 0, x[::2] + 1, 1)
    is_valid(squares)
    outline(squares)
    sum_boundary(squares)
    east, north = np.array([0.0, 4.0, 4.0, 0.0, 0.0]), np.array([0.0, 0.0, 4.0, 4.0, 0.0])
    two = np.concatenate((east, east + 1)), np.concatenate((north, north + 1))
    shapes = Rings(*two, np.array([0, 5, 10]), np.arange(3))
    orient(shapes.x, shapes.y, shapes.rings, shapes.shapes, True)
    whole = Polygons(*two, np.array([0, 5, 10]), np.arange(3), np.arange(3))
    find_valid(whole)
    bound_polygons(whole, rank[:2])
    sizes = measure_ewkb(whole, rank[:2], False)
    data = write_polygons(whole, rank[:2], 0, False, np.zeros((2, 4), np.uint8), sizes)
    data.flags.writeable = False  # as what comes from the server
    read_polygons(data, np.array([4, 8 + sizes[0]]), np.array([4, 8]) + np.cumsum(sizes))
    find_values(data[:0], 0)
    write_addresses(rank, rank)
    pair_boxes(np.zeros((1, 4)), np.zeros(1, np.int64), np.zeros((1, 4)), np.zeros((1, 4)))
    place_boxes(np.zeros((1, 4)), shapes, rank[:1], rank[:1])
    overlay_rings(shapes, np.arange(1), np.arange(1, 2), np.arange(2), False)
