"""The one version number of all programs."""

__version__ = "0.1.0"
