/* runtime/base/checked.h -- arithmetic on numbers that came from outside. Each returns false on overflow. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define checked_add(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define checked_subtract(a, b, ret) (!__builtin_sub_overflow((a), (b), (ret)))
#define checked_multiply(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))
