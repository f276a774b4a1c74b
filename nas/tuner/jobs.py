"""Jobs on a Ray cluster through its job server, which needs the packages of `ray[default]`."""

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
        """Return the exit code of the command, or 0 or 1 if it is unknown; None while it runs."""
        found = self.client.get_job_info(self.name)
        if not found.status.is_terminal():
            return None
        failed = int(found.status != "SUCCEEDED")
        return failed if found.driver_exit_code is None else int(found.driver_exit_code)

    def output(self) -> str:
        """Return the output of the command."""
        return str(self.client.get_job_logs(self.name))

    def stop(self) -> None:
        """Send SIGTERM to the command."""
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
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            if isinstance(error, ImportError) or "ray[default]" in reason:
                raise NasError(
                    "Ray's job server needs further packages, which are not installed.",
                    "Install them: pip install 'nas[jobs]'",
                ) from error
            refused = "Unauthorized" in reason or "Forbidden" in reason
            raise NasError(
                f"no job server of Ray answers at {address}: {reason.rstrip('.')}.",
                "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to the token of the cluster."
                if refused
                else "Give the address of the cluster's dashboard, such as http://127.0.0.1:8265.",
            ) from error

    def start(self, name: str, command: str) -> RayJob:
        """Submit a shell command as a job whose name begins with nas-`name`."""
        submission = f"nas-{name}-{time.time_ns():x}"
        return RayJob(
            self._client, self._client.submit_job(entrypoint=command, submission_id=submission)
        )
