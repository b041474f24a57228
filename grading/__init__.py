"""Two ways to collect and grade the exercises: nbgrader and otter-grader. See README.md here."""
