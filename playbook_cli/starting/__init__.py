"""Study files to start from: a first one, or one for a script or a sweep that is there."""
