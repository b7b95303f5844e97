"""Series with known answers: generated ones with seeds, and ones recorded on a real machine."""
