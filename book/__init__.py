"""The chapters as a book that opens from disk, without internet: `make book`."""
