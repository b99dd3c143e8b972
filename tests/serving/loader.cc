// Loads an exported model as TF Serving does, with tensorflow::LoadSavedModel, and prints the
// summaries of the texts given: prog TF_TEXT_OP_LIBRARY SAVED_MODEL SIGNATURE TEXT...
//
// With XLA_DISABLED in the environment, XLA is disabled as in stock TF Serving, which makes the same
// call unless it is started with --xla_cpu_compilation_enabled.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/c/c_api.h"
#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/compiler/jit/flags.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/platform/tstring.h"
#include "tensorflow/core/public/session_options.h"

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: %s OP_LIBRARY SAVED_MODEL SIGNATURE TEXT...\n", argv[0]);
    return 2;
  }
  if (std::getenv("XLA_DISABLED") != nullptr) tensorflow::DisableXlaCompilation();
  TF_Status* library_status = TF_NewStatus();
  TF_LoadLibrary(argv[1], library_status);
  if (TF_GetCode(library_status) != TF_OK) {
    std::fprintf(stderr, "%s\n", TF_Message(library_status));
    return 1;
  }
  TF_DeleteStatus(library_status);

  tensorflow::SavedModelBundle bundle;
  auto status = tensorflow::LoadSavedModel(tensorflow::SessionOptions(), tensorflow::RunOptions(),
                                           argv[2], {"serve"}, &bundle);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return 1;
  }
  const auto& signatures = bundle.meta_graph_def.signature_def();
  const auto signature = signatures.find(argv[3]);
  if (signature == signatures.end()) {
    std::fprintf(stderr, "no signature %s\n", argv[3]);
    return 1;
  }
  tensorflow::Tensor text(tensorflow::DT_STRING, tensorflow::TensorShape({argc - 4}));
  for (int i = 4; i < argc; ++i) text.vec<tensorflow::tstring>()(i - 4) = argv[i];
  // Omitted inputs, such as num_beams, have defaults in the graph.
  const std::vector<std::pair<std::string, tensorflow::Tensor>> inputs = {
      {signature->second.inputs().at("text").name(), text}};
  const std::vector<std::string> names = {signature->second.outputs().at("summary").name(),
                                          signature->second.outputs().at("score").name(),
                                          signature->second.outputs().at("truncated").name()};
  std::vector<tensorflow::Tensor> outputs;
  status = bundle.session->Run(inputs, names, {}, &outputs);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return 1;
  }
  for (int i = 0; i < argc - 4; ++i) {
    std::printf("%d\t%.5f\t%s\n", outputs[2].vec<bool>()(i), outputs[1].vec<float>()(i),
                outputs[0].vec<tensorflow::tstring>()(i).c_str());
  }
  return 0;
}
