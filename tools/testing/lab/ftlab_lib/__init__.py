# SPDX-License-Identifier: GPL-2.0-only
"""The kvm-ft lab: emulated hosts in network namespaces of their own.

Scripts use it as::

    from ftlab_lib import Lab

    with Lab.up(hosts=["a", "b"]) as lab:
        result = lab.exec("a", ["uname", "-r"])
        print(result.status, result.stdout)

``tools/testing/lab`` has to be on ``sys.path``. See Documentation/lab.rst.
"""

from .errors import LabError
from .api import Lab, Result

__all__ = ["Lab", "LabError", "Result"]
