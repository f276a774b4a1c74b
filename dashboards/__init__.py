"""The live page of a study: reads the store and draws, nothing else."""

from dashboards.app import create_app, serve

__all__ = ["create_app", "serve"]
