"""The verbs of `healthmon`, one file each."""
