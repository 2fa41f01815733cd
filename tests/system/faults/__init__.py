# SPDX-License-Identifier: ISC
"""Faults on purpose: disks that fail, clocks that jump, and the load that goes on meanwhile."""
