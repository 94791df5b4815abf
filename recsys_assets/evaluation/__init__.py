"""Evaluation: metrics with intervals, the reports built from them, the choice of method and the no-leak proof."""
