"""The live page of a study: reads the store and draws, nothing else. `app` serves it."""
