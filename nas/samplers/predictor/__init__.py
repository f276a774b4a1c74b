"""The predictor: a Gaussian process over the choices and the costs of an architecture."""

from nas.samplers.predictor.sampler import GaussianProcessSampler

__all__ = ["GaussianProcessSampler"]
