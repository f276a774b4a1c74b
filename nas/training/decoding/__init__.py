"""Decoding of image files to pixels, in threads or separate processes, without torch."""
