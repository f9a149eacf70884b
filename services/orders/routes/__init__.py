"""On the way (线路): hand-over slips (移交单, O-101), by which devices go to other sites and come back."""
