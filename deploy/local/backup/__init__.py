"""Backup and restore of a suite's five databases (G-23): see deploy/decisions/0001-backup.md.

    cut.py      five snapshots at one instant between commits, writes paused meanwhile
    archive.py  the file: one compressed zip, a manifest and one entry per table
    tables.py   a database's rows out of it and into it
    restore.py  databases made aside, filled, checked, and put in the place of the old ones
"""
