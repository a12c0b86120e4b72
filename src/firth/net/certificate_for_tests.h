// A certificate for tests of doors that speak TLS.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <memory>
#include <string>

namespace firth::net {

template <auto Free>
struct FreeForTests {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};

/// Write a self-signed certificate and its key as PEM files.
inline void WriteCertificateForTests(const std::string& certificate_file,
                                     const std::string& key_file) {
  const std::unique_ptr<EVP_PKEY, FreeForTests<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, FreeForTests<X509_free>> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  auto* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  ASSERT_NE(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
  const std::unique_ptr<FILE, FreeForTests<fclose>> out_certificate(
      fopen(certificate_file.c_str(), "w"));
  PEM_write_X509(out_certificate.get(), certificate.get());
  const std::unique_ptr<FILE, FreeForTests<fclose>> out_key(fopen(key_file.c_str(), "w"));
  PEM_write_PrivateKey(out_key.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
}

}  // namespace firth::net
