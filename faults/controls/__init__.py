"""Broken builds: each is the real program with one mistake patched in, and the checker must see what it costs."""
