"""Images from files as pixels, in threads or in processes of their own, without torch."""
