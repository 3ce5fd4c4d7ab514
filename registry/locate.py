"""Make pyproject.toml ready for a version to be published: what depends on where the repository lies.

    python -m registry.locate owner/name v1.2.3

writes the addresses of the repository, the icon and the banner. It refuses a tag that is not the version, and a version
without a dated section in CHANGELOG.md. The workflow that publishes runs it; what it writes is not committed.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import tomllib

ROOT = Path(__file__).parents[1]


def locate(project: str, repository: str, tag: str) -> str:
    """The text of pyproject.toml with addresses in it: those of `repository`, as in `owner/name`, at `tag`."""
    files = f"https://raw.githubusercontent.com/{repository}/{tag}"
    page = f"https://github.com/{repository}"
    located = re.sub(r'^(Icon|Banner) = "(?!https:)(.+)"$', rf'\1 = "{files}/\2"', project, flags=re.M)
    return f"""{located.rstrip()}

[project.urls]
Repository = "{page}"
Documentation = "{page}/blob/{tag}/README.md"
Issues = "{page}/issues"
"""


def check_version(project: str, changelog: str, tag: str) -> None:
    """ValueError where `tag` is not the version in pyproject.toml, or the changelog has no dated section for it."""
    version = tomllib.loads(project)["project"]["version"]
    if tag != f"v{version}":
        raise ValueError(
            f"the tag is {tag!r}, but pyproject.toml has version {version!r}; expected the tag 'v{version}'."
        )
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changelog, flags=re.M):
        raise ValueError(
            f"CHANGELOG.md has no dated section for {version!r}; expected '## {version} - YYYY-MM-DD'. Write the date "
            "of the release there."
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", help="as in owner/name")
    parser.add_argument("tag", help="as in v1.2.3")
    given = parser.parse_args()
    file = ROOT / "pyproject.toml"
    project = file.read_text("utf-8")
    try:
        check_version(project, (ROOT / "CHANGELOG.md").read_text("utf-8"), given.tag)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    file.write_text(locate(project, given.repository, given.tag), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
