"""Figures: what an agent and the pipeline cost, with a peer beside them in the same run. `make bench` prints them."""
