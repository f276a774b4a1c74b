"""`nas doctor`: check the packages, the database, Ray and the data before a study."""

import click

from nas.cli import options, output
from nas.cli.binding import into
from nas.workflows import DoctorRequest


@click.command()
@options.database
@options.results("Directory for weights, report and export.")
@options.ray_address
@click.option("--task", help="digits, cifar10, cifar100, imagenet or folder.  [default: no data]")
@options.data("Folder with the data of the task; without --task it implies --task folder.")
@options.as_json
@into("request", DoctorRequest)
def doctor(request: DoctorRequest, json_: bool) -> int:
    """Check the packages, the database, the results directory, Ray and the data; create nothing.

    The exit code is 0 if a study can run, else that of the first fault.

    \b
    Example:
      nas doctor
      nas doctor --db postgresql+psycopg://nas@host/nas --ray-address host:6379 --data images
    """
    from nas.workflows import examine

    found = []
    for check in examine(request):
        found.append(check)
        if not json_:
            output.field(check.state, f"{check.name}: {check.text}", width=5)
            if check.fault or check.note:
                output.field("", check.fault.remedy if check.fault else check.note, width=5)
    if json_:
        rows = [
            {
                "check": check.name,
                "state": check.state,
                "text": check.text,
                "remedy": check.fault.remedy if check.fault else check.note,
            }
            for check in found
        ]
        output.echo_json(rows)
    return next((check.fault.exit_code for check in found if check.fault), 0)
