#include "core/data/random_seed.h"

namespace descent {
namespace {

uint64_t Mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Hashes by FNV-1a, because std::hash may differ from one standard library to the next.
uint64_t HashPurpose(std::string_view purpose) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

uint64_t DeriveSeed(uint64_t seed, std::string_view purpose, uint64_t index) {
  return Mix(Mix(Mix(seed) ^ HashPurpose(purpose)) ^ index);
}

}  // namespace descent
