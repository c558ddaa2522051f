// Slots and their implementations. A slot is an abstract class that names itself and the Context
// its implementations are built with; an implementation is one .cpp that registers name, one-line
// description and parameter list:
//
//   class Arrivals { public: static constexpr auto slot = SlotInfo{"arrivals", "when requests
//   come"};
//                            struct Context {...}; virtual ~Arrivals() = default; ... };
//   class Poisson final : public Arrivals { public: struct Config {...}; Poisson(const Config&,
//   const Context&); ... }; const Register<Arrivals, Poisson> registered("poisson", "memoryless
//   arrivals at a mean rate");
//
// In YAML a slot is `{type: NAME, parameter: value, ...}`, or just NAME. Registered before main();
// read-only after.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/parameters.hpp"

namespace moesim {

struct SlotInfo {
  std::string_view name;
  std::string_view doc;
};

/// One implementation as the catalogue shows it.
struct ImplementationInfo {
  std::string name;
  std::string doc;
  std::function<std::vector<ParameterInfo>()> parameters;
  std::function<Node(const Node&)>
      resolve;                    ///< checks parameters, adds defaults; throws InputError
  std::function<Node()> example;  ///< required parameters at their example values
};

/// All slots of the program by name, for `moesim list`, help, the reference and the JSON Schema.
struct SlotListing {
  std::string doc;
  std::map<std::string, ImplementationInfo> implementations;
};
std::map<std::string, SlotListing>& slot_catalogue();

/// Reads `NAME` or `{type: NAME, ...}`; returns {type, parameters} with defaults filled in.
struct SlotValue {
  std::string type;
  Node parameters;
};
SlotValue read_slot(const Node& node, std::string_view slot);

template <class Slot>
class Registry {
 public:
  using Make = std::function<std::unique_ptr<Slot>(const Node&, const typename Slot::Context&)>;

  static std::map<std::string, Make>& factories() {
    static std::map<std::string, Make> table;
    return table;
  }
};

template <class Slot, class Implementation>
struct Register {
  Register(const std::string& name, const std::string& doc) {
    using Config = typename Implementation::Config;
    auto& listing = slot_catalogue()[std::string(Slot::slot.name)];
    listing.doc = Slot::slot.doc;
    listing.implementations[name] = {
        name, doc, [] { return Config::parameters().describe(); },
        [](const Node& node) {
          return Config::parameters().write(Config::parameters().read(node));
        },
        [] { return Config::parameters().example(); }};
    Registry<Slot>::factories()[name] = [](const Node& node,
                                           const typename Slot::Context& context) {
      return std::make_unique<Implementation>(Config::parameters().read(node), context);
    };
  }
};

/// An implementation chosen in a scenario: a parameter type like any other. Holds the resolved
/// parameters, so a chosen policy can be printed, compared and built any number of times.
template <class Slot>
struct Choice {
  std::string type;
  Node parameters;  ///< resolved
  Location where;

  Choice() = default;
  /// An implementation with default parameters; for defaults in Config structs.
  explicit Choice(std::string name) : type(std::move(name)), parameters(Node::mapping()) {}

  /// Builds it. What the implementation itself refuses is thrown with the place of the choice in
  /// the scenario.
  std::unique_ptr<Slot> make(const typename Slot::Context& context) const {
    try {
      return Registry<Slot>::factories().at(type)(parameters, context);
    } catch (const InputError& error) {
      if (error.placed()) throw;
      throw InputError(where, error.what());
    }
  }
};

template <class Slot>
struct Value<Choice<Slot>> {
  static Choice<Slot> read(const Node& node) {
    auto value = read_slot(node, Slot::slot.name);
    Choice<Slot> choice(std::move(value.type));
    choice.parameters = std::move(value.parameters);
    choice.where = node.where;
    return choice;
  }
  static Node write(const Choice<Slot>& choice) {
    Node node = Node::mapping();
    node.set("type", Node::scalar(choice.type));
    if (choice.type.empty()) return node;
    const Node full = slot_catalogue()
                          .at(std::string(Slot::slot.name))
                          .implementations.at(choice.type)
                          .resolve(choice.parameters);
    for (std::size_t i = 0; i < full.keys.size(); ++i) node.set(full.keys[i], full.items[i]);
    return node;
  }
  static void describe(ParameterInfo& info) {
    info.type = "slot";
    info.slot = std::string(Slot::slot.name);
  }
};

}  // namespace moesim
