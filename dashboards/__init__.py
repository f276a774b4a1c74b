"""The live page of a study: it only reads the store and draws. `app` serves it."""
