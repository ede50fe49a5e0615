// SPDX-License-Identifier: Apache-2.0
// Handlers without their types, move-only ones too; what std::move_only_function will be.
#ifndef PORTOLAN_LISTENER_HPP_
#define PORTOLAN_LISTENER_HPP_

#include <memory>
#include <utility>

namespace portolan::detail {

// One that is called with something; kept without its type.
template <class... Arguments>
class listener {
 public:
  template <class F>
  void set(F handler) {
    call_ = std::make_unique<model<F>>(std::move(handler));
  }
  template <class... Given>
  void operator()(Given&&... given) const {
    if (call_ != nullptr) call_->call(std::forward<Given>(given)...);
  }

 private:
  struct base {
    virtual ~base() = default;
    virtual void call(Arguments... arguments) = 0;
  };
  template <class F>
  struct model : base {
    explicit model(F handler) : handler_(std::move(handler)) {}
    void call(Arguments... arguments) override { handler_(std::forward<Arguments>(arguments)...); }
    F handler_;
  };
  std::unique_ptr<base> call_;
};

}  // namespace portolan::detail

#endif  // PORTOLAN_LISTENER_HPP_
