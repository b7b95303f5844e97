"""The operator's terminal against answers written out here, without a network."""
