#include "models/architecture/model.hpp"

#include "sim/core/parameters.hpp"

namespace moesim {
namespace {

/// The layers of one stack as a pattern. Layer l is an MoE layer when l >= dense_first and l %
/// moe_every == moe_offset; it has the window unless l % full_every == full_offset.
struct LayerPattern {
  std::int64_t count = 0;
  std::int64_t dense_first = 0;
  std::int64_t moe_every = 1, moe_offset = 0;
  std::int64_t window = 0;
  std::optional<std::int64_t> full_every;
  std::int64_t full_offset = 0;

  static const Parameters<LayerPattern>& parameters();
};

/// Moe as the file writes it.
struct MoeSection : Moe {
  static const Parameters<MoeSection>& parameters();
};

struct AttentionSection : Attention {
  static const Parameters<AttentionSection>& parameters();
};

struct PublishedSection : Published {
  static const Parameters<PublishedSection>& parameters();
};

struct ModelFile {
  std::string name, family;
  std::vector<std::string> aliases, sources, notes;
  std::int64_t hidden = 0, vocabulary = 0, max_positions = 0, dense_intermediate = 0;
  bool tied_embeddings = false, dense_gated = true;
  AttentionSection attention;
  std::optional<MoeSection> moe;
  LayerPattern layers;
  std::optional<LayerPattern> encoder_layers;
  Precision precision;
  std::optional<PublishedSection> published;

  static const Parameters<ModelFile>& parameters();
};

const Parameters<LayerPattern>& LayerPattern::parameters() {
  using Self = LayerPattern;
  static const auto list =
      Parameters<Self>()
          .required("count", &Self::count, "number of layers", "32")
          .min(1)
          .max(10000)
          .optional("dense_first", &Self::dense_first, "first layers that are not MoE")
          .min(0)
          .optional("moe_every", &Self::moe_every, "every n-th layer is MoE")
          .min(1)
          .optional("moe_offset", &Self::moe_offset, "remainder of the MoE layers' numbers")
          .min(0)
          .optional("window", &Self::window, "tokens of sliding or chunked attention; 0: full")
          .min(0)
          .optional("full_every", &Self::full_every, "every n-th layer has full attention")
          .min(1)
          .optional("full_offset", &Self::full_offset, "remainder of the full layers' numbers")
          .min(0);
  return list;
}

const Parameters<AttentionSection>& AttentionSection::parameters() {
  using Self = AttentionSection;
  static const auto list = [] {
    Parameters<Self> p;
    // Members of the base, named through the section that derives from it.
    const auto integer = [&](const char* name, std::int64_t Attention::*member, const char* doc) {
      p.optional(name, static_cast<std::int64_t Self::*>(member), doc).min(0);
    };
    const auto flag = [&](const char* name, bool Attention::*member, const char* doc) {
      p.optional(name, static_cast<bool Self::*>(member), doc);
    };
    p.optional("kind", static_cast<AttentionKind Self::*>(&Attention::kind), "form of attention");
    integer("heads", &Attention::heads, "query heads");
    integer("kv_heads", &Attention::kv_heads, "key-value heads (grouped_query)");
    integer("head_dim", &Attention::head_dim, "dimension of a head (grouped_query)");
    integer("q_lora_rank", &Attention::q_lora_rank, "rank of the query; 0: no low-rank projection");
    integer("kv_lora_rank", &Attention::kv_lora_rank, "rank of the latent that is cached");
    integer("qk_nope_head_dim", &Attention::qk_nope_head_dim,
            "head dimension without rotary position");
    integer("qk_rope_head_dim", &Attention::qk_rope_head_dim,
            "head dimension with rotary position");
    integer("v_head_dim", &Attention::v_head_dim, "value dimension of a head");
    flag("qkv_bias", &Attention::qkv_bias, "biases on Q, K and V");
    flag("output_bias", &Attention::output_bias, "bias on the output projection");
    flag("qk_norm", &Attention::qk_norm, "norm weights on Q and K");
    flag("qk_norm_whole", &Attention::qk_norm_whole, "those norms span all heads");
    flag("sinks", &Attention::sinks, "one learned sink logit per head");
    return p;
  }();
  return list;
}

const Parameters<MoeSection>& MoeSection::parameters() {
  using Self = MoeSection;
  static const auto list = [] {
    Parameters<Self> p;
    const auto integer = [&](const char* name, std::int64_t Moe::*member, const char* doc) {
      p.optional(name, static_cast<std::int64_t Self::*>(member), doc).min(0);
    };
    const auto flag = [&](const char* name, bool Moe::*member, const char* doc) {
      p.optional(name, static_cast<bool Self::*>(member), doc);
    };
    integer("experts", &Moe::experts, "routed experts per MoE layer");
    integer("top_k", &Moe::top_k, "routed experts per token");
    integer("intermediate", &Moe::intermediate, "intermediate size of one routed expert");
    integer("shared_intermediate", &Moe::shared_intermediate,
            "of all shared experts together; 0: none");
    flag("gated", &Moe::gated, "three matrices per expert (SwiGLU), else two");
    flag("expert_bias", &Moe::expert_bias, "biases in the experts");
    flag("router_bias", &Moe::router_bias, "bias or correction per expert in the router");
    flag("shared_gate", &Moe::shared_gate, "a hidden-to-1 gate on the shared experts");
    integer("groups", &Moe::groups, "router groups");
    integer("groups_kept", &Moe::groups_kept, "router groups a token may use");
    return p;
  }();
  return list;
}

const Parameters<PublishedSection>& PublishedSection::parameters() {
  using Self = PublishedSection;
  static const auto list =
      Parameters<Self>()
          .required("total_parameters", static_cast<double Self::*>(&Published::total_parameters),
                    "parameters as published", "46.7e9")
          .above(0)
          .optional("active_parameters",
                    static_cast<std::optional<double> Self::*>(&Published::active_parameters),
                    "parameters per token as published")
          .above(0)
          .optional("active_rounding",
                    static_cast<std::optional<double> Self::*>(&Published::active_rounding),
                    "the active figure is rounded or cut to multiples of this")
          .above(0)
          .optional("active_counts", static_cast<ActiveCounts Self::*>(&Published::active_counts),
                    "what the active figure counts");
  return list;
}

const Parameters<ModelFile>& ModelFile::parameters() {
  using Self = ModelFile;
  static const auto list =
      Parameters<Self>()
          .required("name", &Self::name, "name of the model", "mixtral-8x7b")
          .required("family", &Self::family, "model_type of its Hugging Face config", "mixtral")
          .optional("aliases", &Self::aliases, "other names, such as Hugging Face ids")
          .required("hidden", &Self::hidden, "hidden size", "4096")
          .min(1)
          .required("vocabulary", &Self::vocabulary, "rows of the embedding", "32000")
          .min(1)
          .optional("tied_embeddings", &Self::tied_embeddings, "the LM head is the embedding")
          .required("max_positions", &Self::max_positions, "longest context", "32768")
          .min(1)
          .optional("dense_intermediate", &Self::dense_intermediate,
                    "feed-forward of the layers that are not MoE")
          .min(0)
          .optional("dense_gated", &Self::dense_gated,
                    "that feed-forward has three matrices (SwiGLU)")
          .required("layers", &Self::layers, "decoder layers", "{count: 32}")
          .optional("encoder_layers", &Self::encoder_layers,
                    "encoder layers of an encoder-decoder model")
          .required("attention", &Self::attention, "attention of every layer",
                    "{heads: 32, kv_heads: 8, head_dim: 128}")
          .optional("moe", &Self::moe, "feed-forward of the MoE layers")
          .optional("precision", &Self::precision, "number formats of the checkpoint")
          .optional("published", &Self::published, "what the authors say about its size")
          .optional("notes", &Self::notes, "what the figures leave out")
          .required("sources", &Self::sources,
                    "paper or model card of every figure, with URL and date",
                    "[\"Mixtral of Experts, https://arxiv.org/abs/2401.04088 (2024-01-08)\"]");
  return list;
}

std::vector<Layer> expand(const LayerPattern& pattern, bool has_moe) {
  std::vector<Layer> layers;
  for (std::int64_t l = 0; l < pattern.count; ++l) {
    Layer layer;
    layer.moe = has_moe && l >= pattern.dense_first && l % pattern.moe_every == pattern.moe_offset;
    const bool full = pattern.full_every && l % *pattern.full_every == pattern.full_offset;
    layer.window = full ? 0 : pattern.window;
    layers.push_back(layer);
  }
  return layers;
}

/// Where "attention.kv_heads" was written, or the nearest section above it.
Location where(const Node& root, std::string_view field) {
  const Node* node = &root;
  while (!field.empty()) {
    const auto dot = field.find('.');
    const Node* next = node->is_mapping() ? node->find(field.substr(0, dot)) : nullptr;
    if (next == nullptr) break;
    node = next;
    field = dot == std::string_view::npos ? "" : field.substr(dot + 1);
  }
  return node->where;
}

}  // namespace

const std::vector<std::string>& names_of(ActiveCounts) {
  static const std::vector<std::string> names{"all", "without_embedding",
                                              "without_embedding_and_head"};
  return names;
}

Model read_model(const Node& node) {
  const auto file = ModelFile::parameters().read(node);
  Model model;
  auto& a = model.architecture;
  a.name = file.name;
  a.family = file.family;
  a.hidden = file.hidden;
  a.vocabulary = file.vocabulary;
  a.tied_embeddings = file.tied_embeddings;
  a.dense_intermediate = file.dense_intermediate;
  a.dense_gated = file.dense_gated;
  a.attention = file.attention;
  if (a.attention.latent() && a.attention.kv_heads == 0) a.attention.kv_heads = a.attention.heads;
  if (file.moe) a.moe = *file.moe;
  a.layers = expand(file.layers, file.moe.has_value());
  if (file.encoder_layers) a.encoder_layers = expand(*file.encoder_layers, file.moe.has_value());
  a.max_positions = file.max_positions;
  a.sources = file.sources;
  if (const auto problem = find_problem(a))
    throw InputError(where(node, problem->field), problem->field + ": " + problem->what);
  model.precision = file.precision;
  model.aliases = file.aliases;
  if (file.published) model.published = *file.published;
  model.notes = file.notes;
  return model;
}

}  // namespace moesim
