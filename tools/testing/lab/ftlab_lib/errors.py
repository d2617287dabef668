# SPDX-License-Identifier: GPL-2.0-only
"""The one exception that the lab raises for what its user can act upon."""

# Exit statuses of the ftlab command itself; see Documentation/lab.rst.
EXIT_LAB = 125  # the lab could not do it; what it ran never gives this meaning
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127


class LabError(Exception):
    """Something the lab could not do: the reason and, if known, the remedy."""

    def __init__(self, reason, remedy=None, status=EXIT_LAB):
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.status = status

    def __str__(self):
        if self.remedy:
            return f"{self.reason}\n  remedy: {self.remedy}"
        return self.reason

    def as_json(self):
        """The error as it goes through the control socket."""
        return {"error": self.reason, "remedy": self.remedy, "status": self.status}

    @classmethod
    def from_json(cls, data):
        """The inverse of as_json()."""
        return cls(data["error"], data.get("remedy"), data.get("status", EXIT_LAB))
