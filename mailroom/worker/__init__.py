"""`manage.py worker`: the lanes of delivery, periodic jobs and tasks, in one process.

`process` starts and ends it, `periodic` and `jobs` are what is done again and again, and
`task_queues` runs the tasks of Django's framework, ours and those of the project around us.
"""
