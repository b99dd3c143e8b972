"""Public names that are imported at first use."""

import lazy_loader

from tf_pegasus.utils.backend import load_backend


def attach_stub(package, file, light=()):
    """Makes the names that a package's `.pyi` file imports available, each imported at first use.

    Args:
        package: str, the package's `__name__`.
        file: str, the package's `__file__`; the `.pyi` file is beside it.
        light: names that need neither TensorFlow nor Keras. `load_backend` is called before
            any other name is imported.

    Returns:
        The package's `__getattr__`, `__dir__` and `__all__`.
    """
    import_name, list_names, names = lazy_loader.attach_stub(package, file)
    heavy = frozenset(names) - frozenset(light)

    def get_name(name):
        if name in heavy:
            load_backend()
        return import_name(name)

    return get_name, list_names, names
