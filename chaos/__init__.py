"""Faults for a real cluster in containers, given through the Docker SDK, and the judgement.

- `cluster.py`, `containers.py`: a compose cluster of its own beside the usual one, and what
  can be done to each container; `inside.py` runs in a container's network
- `faults.py`, `plan.py`: the faults, and when they come: a function of the seed
- `workload.py`, `people.py`: clients in containers, and what they write down
- `history.py`, `checkers.py`, `linear.py`: what was asked and told, and what of that must not
  be; the simulator is judged by the same
- `runner.py`, `story.py`, `run.py`: a run from the first fault to the verdicts
- `report.py`, `picture.py`: the run as one HTML file
"""
