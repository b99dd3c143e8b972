"""What all models that generate have in common as Keras models."""

from tf_pegasus.config.generation import GenerationConfig
from tf_pegasus.generation.program_cache import ProgramCache


class GeneratingMixin:
    """Keeps the generation options and the traced searches of a model."""

    generation_config: GenerationConfig
    programs: ProgramCache

    def init_generation(self):
        """Sets the attributes; to be called by the constructor once there is a `config`."""
        self.generation_config = GenerationConfig.from_model_config(self.config)
        self.programs = ProgramCache()

    def clear_programs(self):
        super().clear_programs()
        self.programs.clear()

    def get_config(self):
        return {**super().get_config(), "generation_config": self.generation_config.to_dict()}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        generation_config = config.pop("generation_config", None)
        model = super().from_config(config, custom_objects)
        if generation_config is not None:
            model.generation_config = GenerationConfig.from_dict(generation_config)
        return model
