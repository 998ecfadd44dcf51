"""How much memory a whole deploy takes at its peak: both images built, pushed and rolled out, with no traffic to judge by."""

import contexts
from measure import MEGABYTES, Most, NotMeasured, Row, peak_memory
from project import OURS, project

REPEATS = 3
LIMIT = Most(40e6, MEGABYTES)  # two images deflated on all cores among it


def measure(tools, repeats):
    ours = []
    with project(tools, contexts.fill, contexts.stamp, clock=20) as storefront:
        storefront.run(storefront.command("wait", "--sandbox"))
        for _ in range(repeats):
            storefront.renew()
            ours.append(peak_memory(storefront.in_sandbox("deploy", "--strategy", "rolling"), env=OURS))
            verify(storefront.last_run())
        sandbox = [resident_peak(storefront.endpoints()["pid"])]
    return [
        Row("peak memory, deploy", MEGABYTES, ours, limit=LIMIT),
        Row("peak memory, sandbox (its own process)", MEGABYTES, sandbox),
    ]


def verify(events):
    """A deploy that found its work done would take little memory."""
    done = {event["step"].split()[0] for event in events if event["event"] == "step_succeeded"}
    if missing := {"build", "push", "register", "roll"} - done:
        raise NotMeasured(f"the deploy did not {', '.join(sorted(missing))}")


def resident_peak(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
