"""The error that command lines turn into one line."""


class InputError(ValueError):
    """Something of the user's that cannot be used: a file, a folder, a setting.

    The message names it, says what was expected and what was found, and what to do. Every
    other exception is a fault of ours and keeps its traceback.
    """
