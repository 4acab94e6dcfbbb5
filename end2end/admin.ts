/** The first administrator of the server under test, made by its bootstrap variables. */
export const admin = {
  email: "admin@example.org",
  password: "seed cuttlebone perch swing",
};
