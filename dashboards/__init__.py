"""The live page of a study: reads the store and draws, nothing else; `dashboards.app` serves it."""
