"""Jobs of a Ray cluster, by its job server, which needs the packages of `ray[default]`."""

import time
from dataclasses import dataclass
from typing import Any

from nas.errors import NasError


@dataclass(frozen=True)
class RayJob:
    """A job that was submitted."""

    client: Any
    name: str

    def ended(self) -> int | None:
        """Return the exit code of its command, 1 if that is unknown; None while it runs."""
        found = self.client.get_job_info(self.name)
        if not found.status.is_terminal():
            return None
        failed = int(found.status != "SUCCEEDED")
        return failed if found.driver_exit_code is None else int(found.driver_exit_code)

    def output(self) -> str:
        """Return its output."""
        return str(self.client.get_job_logs(self.name))

    def stop(self) -> None:
        """Send SIGTERM to its command."""
        self.client.stop_job(self.name)


class RayJobs:
    """The job server of a cluster."""

    def __init__(self, address: str) -> None:
        """Connect to the server at `address`, such as http://127.0.0.1:8265.

        Raises:
            NasError: a package is not installed, or the server cannot be reached.
        """
        try:
            from ray.job_submission import JobSubmissionClient

            self._client = JobSubmissionClient(address)
        except Exception as error:
            told = str(error).strip().splitlines() or [type(error).__name__]
            if isinstance(error, ImportError) or "ray[default]" in told[0]:
                raise NasError(
                    "Ray's job server needs further packages, which are not installed.",
                    "Install them: pip install 'nas[jobs]'",
                ) from error
            refused = "Unauthorized" in told[0] or "Forbidden" in told[0]
            raise NasError(
                f"no job server of Ray answers at {address}: {told[0].rstrip('.')}.",
                "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to the token of the cluster."
                if refused
                else "Give the address of the cluster's dashboard, such as http://127.0.0.1:8265.",
            ) from error

    def start(self, name: str, command: str) -> RayJob:
        """Submit a shell command as a job whose name begins with nas-`name`."""
        submitted = f"nas-{name}-{time.time_ns():x}"
        return RayJob(
            self._client, self._client.submit_job(entrypoint=command, submission_id=submitted)
        )
