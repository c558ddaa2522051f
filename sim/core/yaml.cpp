// parse_yaml and to_yaml: the only place in core that knows yaml-cpp. Uses its event interface,
// because its node interface drops duplicate keys and positions of keys (seen with yaml-cpp 0.7).
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/emitter.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <algorithm>
#include <sstream>

#include "sim/core/node.hpp"
#include "sim/core/text_file.hpp"

namespace moesim {
namespace {

constexpr std::size_t kMaxNodes = 1'000'000;

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string file) : file_(std::move(file)) {}

  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.where = at(mark);
    add(std::move(node), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (tag != "?" && tag != "!" && !tag.empty())
      throw InputError(at(mark), "YAML tag '" + tag + "' is not supported here");
    const bool quoted = tag == "!";
    const bool null = !quoted && (value.empty() || value == "~" || value == "null");
    Node node = null ? Node{} : Node::scalar(value, quoted);
    node.where = at(mark);
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw InputError(at(mark), "an alias inside its own anchor");
    count(found->second, mark);
    add(Node(found->second), 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::sequence(), mark, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::mapping(), mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    bool has_key = false;
    std::string key;
    Location key_where;
  };

  Location at(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  void count(const Node& node, const YAML::Mark& mark) {
    if (++nodes_ > kMaxNodes)
      throw InputError(at(mark), "aliases expand to more than a million values");
    for (const auto& item : node.items) count(item, mark);
  }

  void open(Node node, const YAML::Mark& mark, YAML::anchor_t anchor) {
    node.where = at(mark);
    stack_.push_back({std::move(node), anchor, false, "", {}});
  }

  void close() {
    Open done = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(done.node), done.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& parent = stack_.back();
    if (parent.node.is_sequence()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      if (!node.is_scalar())
        throw InputError(node.where, "a key must be a word, not " + node.describe());
      for (std::size_t i = 0; i < parent.node.keys.size(); ++i)
        if (parent.node.keys[i] == node.text)
          throw InputError(node.where, "duplicate key '" + node.text + "' (first at line " +
                                           std::to_string(parent.node.key_where[i].line) + ")");
      parent.has_key = true;
      parent.key = node.text;
      parent.key_where = node.where;
    } else {
      parent.node.set(parent.key, std::move(node), parent.key_where);
      parent.has_key = false;
    }
  }

  std::string file_;
  Node root_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t nodes_ = 0;
};

bool is_leaf(const Node& node) {
  return std::ranges::all_of(node.items, [](const Node& item) { return item.is_scalar(); });
}

/// A list of scalars, or of mappings of scalars, takes one line per list or mapping; anything deeper
/// is indented.
void emit(YAML::Emitter& out, const Node& node, bool in_list = false) {
  switch (node.kind) {
    case Node::Kind::kNull:
      out << YAML::Null;
      break;
    case Node::Kind::kScalar:
      if (node.quoted) out << YAML::DoubleQuoted;
      out << node.text;
      break;
    case Node::Kind::kSequence: {
      const bool of_mappings = std::ranges::any_of(node.items, &Node::is_mapping);
      if (!of_mappings) out << YAML::Flow;
      out << YAML::BeginSeq;
      for (const auto& item : node.items) emit(out, item, true);
      out << YAML::EndSeq;
      break;
    }
    case Node::Kind::kMapping:
      if (in_list && is_leaf(node)) out << YAML::Flow;
      out << YAML::BeginMap;
      for (std::size_t i = 0; i < node.keys.size(); ++i) {
        out << YAML::Key << node.keys[i] << YAML::Value;
        emit(out, node.items[i]);
      }
      out << YAML::EndMap;
      break;
  }
}

/// The text with an end that no quoted scalar may cross: yaml-cpp 0.7 lets a quote that is never
/// closed swallow the rest of the file when that ends in a line break. UTF-16 (a byte order mark of
/// FE, FF) is left as it is.
std::string with_end(const std::string& text) {
  if (text.starts_with("\xFE\xFF") || text.starts_with("\xFF\xFE")) return text;
  return text + (text.empty() || text.back() == '\n' ? "...\n" : "\n...\n");
}

std::string syntax_error(const YAML::Exception& error) {
  const bool open_quote =
      error.msg == YAML::ErrorMsg::DOC_IN_SCALAR || error.msg == YAML::ErrorMsg::EOF_IN_SCALAR;
  return "YAML syntax: " + (open_quote ? "a quote is opened and never closed" : error.msg);
}

}  // namespace

Node parse_yaml(const std::string& text, const std::string& file) {
  try {
    std::istringstream stream(with_end(text));
    YAML::Parser parser(stream);
    TreeBuilder builder(file);
    parser.HandleNextDocument(builder);
    TreeBuilder rest(file);
    if (parser.HandleNextDocument(rest))
      throw InputError(rest.take().where, "more than one YAML document in a file");
    Node root = builder.take();
    if (root.where.line == 0) root.where = {file, 1, 1};
    return root;
  } catch (const YAML::DeepRecursion& error) {
    throw InputError(Location{file, error.mark.line + 1, error.mark.column + 1},
                     "YAML nested more than " + std::to_string(error.depth()) + " levels deep");
  } catch (const YAML::Exception& error) {
    throw InputError(Location{file, error.mark.line + 1, error.mark.column + 1},
                     syntax_error(error));
  }
}

Node read_yaml(const std::string& path) { return parse_yaml(read_text_file(path), path); }

std::string to_yaml(const Node& node) {
  YAML::Emitter out;
  emit(out, node);
  return std::string(out.c_str()) + "\n";
}

}  // namespace moesim
