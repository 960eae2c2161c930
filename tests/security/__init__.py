"""The security checklist: what is guarded, by which test, and what is not and why."""
