"""Measurements of speed, as ratios taken in one interleaved run. Nothing here is a test."""
