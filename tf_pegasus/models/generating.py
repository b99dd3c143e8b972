"""What all models that generate have in common as Keras models."""

import copy

from tf_pegasus.config.generation import GenerationConfig
from tf_pegasus.generation.program_cache import ProgramCache


class GeneratingMixin:
    """Keeps the generation options and the traced searches of a model."""

    generation_config: GenerationConfig
    programs: ProgramCache

    def init_generation(self):
        """Sets the attributes; to be called by the constructor once there is a `config`."""
        self.generation_config = GenerationConfig.from_model_config(self.config)
        self.derived_config = copy.copy(self.generation_config)
        self.programs = ProgramCache()

    def follow_config(self):
        """Derives the options again if those of `config` were changed, as the reference does.

        Options that were given or changed by themselves stay.

        Raises:
            TypeError: if `generation_config` was replaced by something else.
        """
        if not isinstance(self.generation_config, GenerationConfig):
            raise TypeError(
                f"generation_config must be a GenerationConfig, got {self.generation_config!r}"
            )
        derived = GenerationConfig.from_model_config(self.config)
        if derived == self.derived_config:
            return
        if self.generation_config == self.derived_config:
            self.generation_config = derived
        self.derived_config = copy.copy(derived)

    def clear_programs(self):
        super().clear_programs()
        self.programs.clear()

    def get_config(self):
        self.follow_config()
        return {**super().get_config(), "generation_config": self.generation_config.to_dict()}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        generation_config = config.pop("generation_config", None)
        model = super().from_config(config, custom_objects)
        if generation_config is not None:
            model.generation_config = GenerationConfig.from_dict(generation_config)
        return model
