"""One story, with all that happens in it: `python -m tests.scenarios the-ring-turns`."""

from __future__ import annotations

import argparse
import logging
import sys

from tests.scenarios.stage import Failed, all_stories


def main() -> int:
    """The exit code: 1 if the story goes otherwise than it is told."""
    stories = {story.name: story for story in all_stories()}
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios", description=__doc__)
    parser.add_argument("name", choices=stories, metavar="NAME", help=", ".join(stories))
    story = stories[parser.parse_args().name]
    logging.disable(logging.CRITICAL)
    try:
        stage = story.play()
    except Failed as error:
        print(error)
        return 1
    print("\n".join(stage.trace.lines()))
    print(f"\n{story.title}: so it goes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
